"""Headers of every answer: nothing from elsewhere runs, frames or looks in."""

from flask import Flask, Response, current_app, request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

DENIED = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
HTTPS_ONLY = f"max-age={365 * 86_400}"
"""Where sessions travel over HTTPS alone, so does everything else."""


def install(app: Flask) -> None:
    """Put them on every answer, errors included."""
    app.after_request(_protect)


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = DENIED
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers["Strict-Transport-Security"] = HTTPS_ONLY
    if request.endpoint != "static":
        # What one reader saw is not for the next one who presses "back" on this machine.
        response.headers.setdefault("Cache-Control", "no-store")
    return response
