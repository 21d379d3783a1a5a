// The live console. The server draws everything; this puts it in place and keeps it true.
import { startAges } from "./ages.js";
import { startActing } from "./act.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPointing } from "./plan.js";
import { startPressing } from "./press.js";
import { startSound } from "./sound.js";
import { startWatching } from "./watch.js";

// On a phone the pages are one line that scrolls: the one that is open is in sight.
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
startAges();
startActing();
startKeys();
startPressing();
startSound();
startWatching();
startPointing();
startLive();
