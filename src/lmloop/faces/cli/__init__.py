"""The command line: a few verbs, one file each. To add a verb, add a file with a command called ``verb``."""

import click

from lmloop.faces.verb import Verbs


@click.group(
    "lmloop",
    cls=Verbs,
    package=__name__,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="lmloop", message="%(prog)s %(version)s")
def app() -> None:
    """Curate text, train and judge language models, and know what came from what.

    A recipe lists steps; a run carries it out; what is done already is kept.
    """


def main() -> None:
    """Run the command line."""
    app(prog_name="lmloop")
