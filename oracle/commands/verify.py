"""``python -m oracle verify``: check every rule and network against jax.grad."""

import argparse
import os
import secrets
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from oracle.campaigns.campaign import TRAINING, Campaign, Plan
from oracle.campaigns.database import FOLDER, FailureDatabase
from oracle.campaigns.processes import run
from oracle.campaigns.table import report
from oracle.commands import positive
from oracle.strategies import NAMES, problems

__all__ = ["add"]

_PROBLEMS = 500


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    verify = commands.add_parser(
        "verify",
        help="check every rule, network and random expressions against jax.grad",
        description="Draws problems and checks every rule and network against JAX, then random expressions of "
        "rules, and the gradients along a training run on the digits. Prints one table; if anything disagrees, prints "
        "the smallest failing problem and exits with 1. Failing problems are saved, and checked first the next time.",
        epilog="example: python -m oracle verify --problems 20000 --resume campaign.json "
        "--database redis://localhost:6379/0 (run it again to resume)",
    )
    verify.add_argument(
        "--problems",
        type=positive,
        metavar="N",
        help=f"for each name (default: {_PROBLEMS}, or that of --resume)",
    )
    verify.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"any of: {', '.join(NAMES)}")
    verify.add_argument("--seed", type=int, metavar="S", help="repeat the run that printed this seed")
    verify.add_argument("--dtype", choices=["float32", "float64"], help="(default: both)")
    verify.add_argument(
        "--workers", type=positive, default=os.cpu_count(), metavar="N", help="processes (default: one for each core)"
    )
    verify.add_argument(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="check on the workers of this Dask cluster instead (extra dask: pip install 'handgrad[dask]')",
    )
    verify.add_argument("--resume", metavar="FILE", help="save progress to FILE, and resume from it if it exists")
    verify.add_argument(
        "--database",
        default=FOLDER,
        metavar="URL",
        help="where failing problems are saved: a folder, or redis://HOST:PORT/NUMBER, shared with other machines "
        f"(extra redis: pip install 'handgrad[redis]'; default: {FOLDER})",
    )
    verify.set_defaults(run=_run, refuse=verify.error)


def _run(options: argparse.Namespace) -> int:
    try:
        failures = FailureDatabase(options.database)
        failures.connect()
        plan = _plan(options)
        for name in {*plan.names} - {TRAINING}:
            problems(name)  # raises if it has no reference
        campaign = Campaign(plan, failures, options.resume)
    except (ImportError, OSError, ValueError) as error:
        options.refuse(str(error))
    console = Console()
    console.print(f"seed {campaign.plan.seed}", style="dim")
    status = 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        rows = campaign.rows
        every = progress.add_task("all", total=sum(map(campaign.plan.total, campaign.plan.names)))
        tasks = [progress.add_task(row.name, total=campaign.plan.total(row.name), visible=False) for row in rows]

        def show() -> None:
            rows = campaign.rows
            progress.update(every, completed=sum(row.problems for row in rows))
            for task, row in zip(tasks, rows):
                visible = 0 < row.problems < campaign.plan.total(row.name) and not row.failure
                progress.update(task, completed=row.problems, visible=visible)

        try:
            if options.scheduler:
                from oracle.campaigns.dask import run as run_on_cluster

                run_on_cluster(campaign, options.scheduler, show=show)
            else:
                run(campaign, workers=options.workers, show=show)
        except KeyboardInterrupt:
            status = 130
        except (ImportError, OSError) as error:
            print(f"python -m oracle verify: error: {error}", file=sys.stderr)
            status = 2
    rows = campaign.rows
    report(rows, console, campaign.seconds)
    if status:
        console.print("interrupted: the table shows what was checked so far", style="yellow")
        if options.resume:
            console.print(f"run the same command again to resume from {options.resume}", style="yellow")
    if not failures.flush(campaign.keys):
        console.print(f"Redis does not answer at {options.database}: failures are saved in {FOLDER}", style="yellow")
    return status or int(any(row.failure for row in rows))


def _plan(options: argparse.Namespace) -> Plan:
    """Return the plan: options left out keep the values of the campaign that is resumed."""
    begun = Campaign.plan_in(options.resume) if options.resume and os.path.exists(options.resume) else None
    names = tuple(dict.fromkeys(options.only or ())) or (begun.names if begun else (*NAMES, TRAINING))
    problems = options.problems or (begun.problems if begun else _PROBLEMS)
    seed = options.seed
    if seed is None:
        seed = begun.seed if begun else secrets.randbits(32)
    return Plan(names, problems, seed, options.dtype or (begun.dtype if begun else None))
