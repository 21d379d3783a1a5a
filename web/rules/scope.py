"""What a silence or a maintenance window is about, by the names that people know."""

from configs.values import Text
from hub.silences import Quiet
from web.console import console


def scope(quiet: Quiet) -> list[Text]:
    """Place, camera or sensor, and rule; the site where it is of all."""
    here, found = console(), []
    if quiet.place:
        place = here.place(quiet.site, quiet.place)
        found.append(place.name if place is not None else Text(quiet.place, quiet.place))
    if quiet.source:
        node, _slash, source = quiet.source.partition("/")
        found.append(here.source_name(quiet.site, node, source))
    if quiet.rule:
        found.append(here.rule_name(quiet.site, quiet.rule))
    file = here.site(quiet.site)
    return found or [file.site.name if file is not None else Text(quiet.site, quiet.site)]
