"""The `regard` command. Errors of the input are one line on stderr and exit status 1."""

import codecs
import locale
import os
import signal
import sys

import click

from regard.cli import images, results, stages
from regard.cli.parsing import InOrder

COMMANDS = (
    images.import_set,
    images.check_command,
    images.phantoms_command,
    images.trials_command,
    images.pretrain_command,
    stages.code_command,
    stages.settings_command,
    stages.targets_command,
    stages.stage_command,
    stages.examine_command,
    results.expose_command,
    results.costs_command,
    results.deepminer_command,
    stages.lock_command,
    stages.summary_command,
    stages.figures_command,
    stages.paper_command,
    results.verify_command,
    results.reference_command,
    results.sample_command,
)

regard = InOrder(
    "regard",
    commands={each.name or "": each for each in COMMANDS},
    help="Does the network look where the expert looks?",
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and run one command."""
    if arguments is None:
        _read_text_as_utf_8()
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit("regard: terminated")
    )  # so that what is half done is removed
    try:
        status = regard.main(arguments, prog_name="regard", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit("regard: interrupted")
    except Exception as error:
        if not isinstance(error, _input_errors()):
            raise
        message = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f"regard: {' '.join(str(message).split())}")
    if status is not None:  # of --help
        sys.exit(status)


def _input_errors() -> tuple[type[Exception], ...]:
    from yaml import YAMLError  # only where it is needed, so that --help is instant

    return (OSError, ValueError, KeyError, RuntimeError, YAMLError)


def _read_text_as_utf_8() -> None:
    """Begin anew in Python's UTF-8 mode where the locale has another encoding, in which libraries
    would read our files.
    """
    encoding = codecs.lookup(locale.getpreferredencoding(False)).name
    if encoding != "utf-8" and not sys.flags.utf8_mode and os.name == "posix":
        os.environ["PYTHONUTF8"] = "1"  # for the processes that this one starts
        os.execv(sys.executable, [sys.executable, "-X", "utf8", "-m", "regard", *sys.argv[1:]])
