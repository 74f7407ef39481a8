"""What all verbs share: how help looks, how errors are told, and how verbs are found."""

import errno
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import wraps
from importlib import import_module
from typing import Any, NoReturn, TypeVar

import click

from lmloop.core.errors import Interrupted, LmloopError, closest

SECTIONS = ("Recipes and runs", "Parts and machine", "One step")
"""The headings of ``lmloop --help``, in order."""

Command = TypeVar("Command", bound=Callable[..., Any])


class Verb(click.Command):
    """A verb: a command that stands under a heading and shows examples that work."""

    def __init__(self, *args: Any, section: str, examples: Sequence[str], **rest: Any) -> None:
        super().__init__(*args, **rest)
        assert section in SECTIONS, f"{self.name} stands under no known heading"
        assert examples, f"{self.name} has no examples"
        self.section = section
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the examples as they are: lines that can be copied."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


class Verbs(click.Group):
    """The verbs of a package: one file each, found by looking at the folder, imported when asked for."""

    def __init__(self, *args: Any, package: str, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the files."""
        home = import_module(self.package)
        return sorted(module.name for module in pkgutil.iter_modules(home.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{self.package}.{cmd_name}").verb
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one was meant."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            raise LmloopError(f"there is no verb {args[0]!r}", hint=closest(args[0], known))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the verbs under their headings."""
        verbs = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        width = max(len(verb.name or "") for verb in verbs if verb)
        for section in SECTIONS:
            lines = [
                (f"{verb.name:{width}}", verb.get_short_help_str(100))
                for verb in verbs
                if isinstance(verb, Verb) and verb.section == section
            ]
            if lines:
                with formatter.section(section):
                    formatter.write_dl(lines)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **rest: Any) -> Any:  # type: ignore[override]
        """Run a verb and exit; a user's mistake is told in a few lines, never as a traceback."""
        try:
            code = super().main(args, prog_name, **{**rest, "standalone_mode": False})
            sys.stdout.flush()
        except LmloopError as bad:
            fail(bad.message, bad.hint, bad.exit_code)
        except click.Abort:
            fail("stopped", "run it again to go on from there", Interrupted.exit_code)
        except click.ClickException as bad:
            _explain_usage(bad)
        except OSError as bad:
            _explain_system(bad)
        sys.exit(code if isinstance(code, int) else 0)


def fail(message: str, hint: str, code: int) -> NoReturn:
    """Tell what is wrong, then a blank line and what to do, on stderr; and exit."""
    color = False if "NO_COLOR" in os.environ else None
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True, color=color)
    if hint:
        click.echo(f"\n{click.style('hint:', fg='cyan', bold=True)} {hint}", err=True, color=color)
    sys.exit(code)


def bundled(name: str, bundle: type, *options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Give a verb some options as one argument: an object of a dataclass whose fields are named like them."""
    wanted = [field.name for field in fields(bundle)]

    def decorate(function: Command) -> Command:
        @wraps(function)
        def gathered(**given: Any) -> Any:
            inner = bundle(**{field: given.pop(field) for field in wanted})
            return function(**given, **{name: inner})

        decorated: Any = gathered
        for option in reversed(options):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def _explain_usage(bad: click.ClickException) -> NoReturn:
    """Tell a mistake on the command line in our words; a call without anything gets the help."""
    context = getattr(bad, "ctx", None)
    if isinstance(bad, click.exceptions.NoArgsIsHelpError):
        bad.show()
        sys.exit(bad.exit_code)
    message = bad.format_message().removesuffix(".")
    hint = f"{context.command_path} --help" if context is not None else ""
    fail(message[:1].lower() + message[1:], hint, bad.exit_code)


def _explain_system(bad: OSError) -> NoReturn:
    """Tell what the system refused; a reader of our output who has gone is no reason to complain."""
    if bad.errno == errno.EPIPE:
        # the interpreter flushes once more at its end: let that go nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    where = f"{bad.filename}: " if bad.filename else ""
    fail(f"{where}{bad.strerror or bad}", "", 1)
