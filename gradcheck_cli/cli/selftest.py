"""`gradcheck selftest`: would the checks notice a wrong rule?"""

from __future__ import annotations

import click

from gradcheck_cli.cli.configuration import FULL_OR_JSON, ISOLATE, KEYWORD, LIMIT, OUTPUT, SEED, project_of
from gradcheck_cli.cli.output import Watch, options_for, write
from gradcheck_cli.cli.parameters import files
from gradcheck_cli.cli.signals import finish_on_signals
from gradcheck_cli.report.report import INTERRUPTED

EPILOG = """\b
Exit codes: 0 all found wrong, but for those that change nothing or too little
to be seen; 1 one survived without a reason, or a rule is wrong as it is; 2 bad
usage or an invalid spec; 3 some survived only because the inputs hide them;
4 an internal error; 5 nothing was selected."""


@click.command("selftest", epilog=EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=files)
@KEYWORD(help="Only cases whose function[case] matches; with --ops, ops.")
@click.option("--ops", "of_ops", is_flag=True, help="Try the derivatives of the functions that a spec may call instead.")
@click.option("-v", "--verbose", count=True, help="Show the kinds of every function.")
@SEED
@FULL_OR_JSON
@OUTPUT(help="Write the report to a file.")
@LIMIT
@ISOLATE
def command(
    paths: tuple[str, ...],
    keyword: str,
    of_ops: bool,
    verbose: int,
    seed: int | None,
    output_format: str,
    output: str | None,
) -> None:
    """Corrupt every rule in many small ways, and count how many corrupted rules are found wrong at these inputs."""
    from gradcheck_cli.selection import Selection, keyword_matcher
    from gradcheck_cli.selftest.ops import selftest_ops
    from gradcheck_cli.selftest.render import render as render_selftest
    from gradcheck_cli.selftest.specs import selftest_specs

    ctx = click.get_current_context()
    project = project_of(ctx)
    paths = paths if of_ops else paths or project.paths
    if bool(paths) == of_ops:
        raise click.UsageError("give spec files, or --ops")
    watch = Watch()
    if of_ops:
        report = selftest_ops(keyword_matcher(keyword), seed or 0, watch=watch)
    else:
        report = selftest_specs(paths, Selection(keyword=keyword), {"seed": seed}, base=project.check, watch=watch)
    finish_on_signals()
    write(render_selftest(report, output_format, options_for(verbose, output)), output)
    click.echo(watch.interrupted, err=True, nl=bool(watch.interrupted))
    ctx.exit(INTERRUPTED if watch.interrupted else report.exit_code)
