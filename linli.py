"""The front door: one lazy command group. Each room brings its own ``cli.py``.

A room is imported only when its command is called, so an edge needs no Flask and a hub
no OpenCV.
"""

import importlib
from importlib.metadata import version

import click

COMMANDS = {
    "alerts": ("hub.alerts_cli", "Look at alerts, answer them, and ask why."),
    "analyse": ("hub.analysis.cli", "Write a digest of what was unusual and what comes next."),
    "audit": ("hub.audit_cli", "Prove that nobody has changed the log."),
    "check": ("configs.cli", "Say everything that is wrong with configuration files."),
    "demo": ("launch.cli", "Run the whole system here, on a simulated street or a video."),
    "edge": ("edge.cli", "Run an edge agent."),
    "hub": ("hub.cli", "Run a hub."),
    "models": ("models.cli", "List, fetch, check, measure and add models."),
    "notify": ("hub.notify.cli", "Try the ways to tell people."),
    "report": ("hub.cases.cli", "Say how well reports and alerts were dealt with."),
    "rules": ("hub.rules_cli", "Try rules on stored records, tune them, test them."),
    "up": ("launch.cli", "Run broker, hub and console of a site."),
    "web": ("web.cli", "Run the console and manage its users."),
}
EXTRAS = {
    "alerts": "hub",
    "analyse": "hub",
    "audit": "hub",
    "edge": "edge",
    "hub": "hub",
    "models": "edge",
    "notify": "hub",
    "report": "hub",
    "web": "web",
}


class Rooms(click.Group):
    """Commands that import their room when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, help_text = COMMANDS[cmd_name]
        try:
            room = importlib.import_module(module)
        except ModuleNotFoundError as error:
            return _missing(cmd_name, help_text, str(error.name))
        command: click.Command = getattr(room, cmd_name if module == "launch.cli" else "cli")
        return command


def _missing(name: str, help_text: str, module: str) -> click.Command:
    """Stands in for a command whose libraries are not installed."""

    @click.command(name, help=help_text, context_settings={"ignore_unknown_options": True})
    @click.argument("args", nargs=-1, type=click.UNPROCESSED)
    def missing(args: tuple[str, ...]) -> None:  # noqa: ARG001 - whatever was asked, it is missing
        extra = EXTRAS.get(name, "all")
        raise click.ClickException(
            f"{name} needs the library {module}, which is not installed; "
            f"pip install 'linli[{extra}]'"
        )

    return missing


@click.group(cls=Rooms)
@click.version_option(version("linli"), prog_name="linli")
def main() -> None:
    """Linli: cameras, doors and neighbours keep a community safe together."""


if __name__ == "__main__":
    main()
