#!/bin/sh
# Installs the real servers that the tests talk to, where that is possible, and says plainly
# what will be skipped where it is not.
set -u
PATH=$PATH:/usr/sbin
missing=""
need() {
    command -v "$1" >/dev/null || missing="$missing $2"
}
need mosquitto mosquitto
need influxd influxdb
need nginx nginx-light
need chromium chromium
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fonts-noto-cjk"
rtsp="import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0')
from gi.repository import Gst, GstRtspServer
Gst.init(None); assert Gst.ElementFactory.find('x264enc') and Gst.ElementFactory.find('rtph264pay')"
/usr/bin/python3 -c "$rtsp" 2>/dev/null ||
    missing="$missing gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing what the tests talk to:$missing"
    # The packages would start the servers; the tests start their own.
    printf '#!/bin/sh\nexit 101\n' >/tmp/linli-policy.$$
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        install -m 755 /tmp/linli-policy.$$ /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    rm -f /tmp/linli-policy.$$
    # shellcheck disable=SC2086 # package names, meant to be split
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null &&
        exit 0
fi
echo "Not installed, so the tests that need them will be skipped:$missing"
echo "As root: apt-get install$missing"
exit 0
