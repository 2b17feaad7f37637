"""How well are weeks forecast that nobody had seen? Real and real-like tables, every system on the same ones.

From each of several origins the next quarter's KPI is forecast, media and controls known: by this library, by the last
season's value, by the last value, by the model's own baseline without media, by Meridian and by PyMC-Marketing (whose
tables are national). Scores are the CRPS, the absolute error of the median, and the share of weeks within the 90 %
interval, pooled over origins.

Each forecast is kept in .data/benchmarks/real.jsonl as soon as it is done, under a fingerprint of table, specification,
settings and the system's code or lock: a run that is cut goes on where it stopped, and parts can be run one after
another. A peer takes a minute a forecast, so `--peer-origins` says from how many of the last origins they forecast.

make bench B=real [ARGS="--systems carryover --tables sibylhe_mmm_stan --carryover '{...}'"]
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.common.forecasting import SCRIPTS, Scored, peer_forecast, peer_job, score
from benchmarks.common.machine import finish, machine, rounded
from benchmarks.common.systems import OURS, ROOT, peer_lock
from benchmarks.worlds.real import RealTable, real_tables
from mmm_core.data.arrays import model_data
from mmm_core.forecast.backtest import DRAWS
from mmm_core.forecast.predictive import posterior_predictive
from mmm_core.forecast.scores import NormalForecast, last_value, no_media, seasonal_naive
from mmm_core.inference.fit import fit
from mmm_core.inference.version import fit_source
from mmm_core.json_text import dumps
from mmm_core.spec.model_spec import ModelSpec

STORE = ROOT / ".data" / "benchmarks"
HORIZON = 13
SIMPLE = ("seasonal_naive", "last_value", "no_media")
SYSTEMS = (OURS, *SIMPLE, "meridian", "pymc_marketing")


def held_weeks(table: RealTable, last: int | None = None) -> list[int]:
    """Weeks after each origin, the earliest origin first; of the last origins only where `last` says how many."""
    held = [HORIZON + table.step * back for back in reversed(range(table.origins))]
    return held[-last:] if last else held


def forecast(
    system: str, table: RealTable, spec: ModelSpec, held: int
) -> tuple[Scored, dict[str, Any]] | None:
    """One system's forecast from one origin, scored, and figures of its fit; None where the weeks seen are too few."""
    data = model_data(table.table, spec, table.name, holdout_weeks=held)
    first = data.sizes["week"] - held
    actual = data["kpi"].to_numpy()[:, first : first + HORIZON]
    if system == OURS:
        tree = fit(
            table.table, spec, source=table.name, holdout_weeks=held, draws=max(DRAWS // spec.fit.chains, 100)
        )
        drawn = posterior_predictive(tree)["kpi"].to_numpy()[..., first : first + HORIZON]
        stats = tree["sample_stats"]
        return score(drawn, actual), {
            "fit_s": tree.attrs["total_seconds"],
            "divergences": int(stats["diverging"].sum()),
        }
    if system in SIMPLE:
        made = _simple(system, data, spec, first)
        return None if made is None else (score(made, actual), {})
    job, given = peer_job(spec, table.table, data, held, HORIZON)
    drawn, result = peer_forecast(system, job, given)
    return score(drawn, actual), result


def _simple(system: str, data: xr.Dataset, spec: ModelSpec, first: int) -> np.ndarray | None:
    """Draws of a simple forecast; None where the weeks seen are too few for it.

    The baseline without media has the scale of the model and its shrinkage.
    """
    seen = np.where(data["observed"].to_numpy(), data["kpi"].to_numpy(), np.nan)[:, :first]
    if system == "no_media":
        log = spec.kpi.scale == "log"
        design, prior_sd = data["design"].to_numpy()[:, : first + HORIZON], data["design_prior_sd"].to_numpy()
        drawn = _draws(no_media(np.log(seen) if log else seen, design, HORIZON, prior_sd))
        return np.exp(drawn) if log else drawn
    made = seasonal_naive(seen, HORIZON) if system == "seasonal_naive" else last_value(seen, HORIZON)
    return None if made is None else _draws(made)


def _draws(made: NormalForecast, count: int = 4 * DRAWS) -> np.ndarray:
    """Draws of a normal forecast, evenly spread over its probabilities in each week."""
    rng = np.random.default_rng(0)
    return made.mean + made.sd * rng.standard_normal((count, *made.mean.shape))


def fingerprint(system: str, table: RealTable, spec: ModelSpec, held: int) -> str:
    """What a stored forecast depends on."""
    code = hashlib.sha256(f"{system} {held} {HORIZON}".encode())
    if system in SCRIPTS:
        data = model_data(table.table, spec, table.name, holdout_weeks=held)
        job, given = peer_job(spec, table.table, data, held, HORIZON)
        code.update(repr(job).encode() + pd.util.hash_pandas_object(given).to_numpy().tobytes())
        folder = ROOT / "benchmarks" / "peers"
        lock, fitted = peer_lock(system), folder / SCRIPTS[system].replace("forecast", "fit")
        for path in (lock, fitted, folder / "forecasts" / SCRIPTS[system]):
            code.update(path.read_bytes())
    else:
        code.update(f"{fit_source(spec)} {spec.spec_hash} {spec.fit.seed}".encode())
    code.update(pd.util.hash_pandas_object(table.table).to_numpy().tobytes())
    return code.hexdigest()[:16]


def pooled(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Scores of one system on one table, every week of every origin counting the same."""
    weeks = np.array([record["weeks"] for record in records], dtype=float)
    out: dict[str, Any] = {
        name: float(np.average([record[name] for record in records], weights=weeks))
        for name in ("crps", "error", "covered")
    }
    fits = [record["fit_s"] for record in records if "fit_s" in record]
    return out | {"origins": len(records)} | ({"fit_s_median": float(np.median(fits))} if fits else {})


def main(argv: list[str] | None = None) -> None:
    """Forecast what is not stored yet, print tables and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tables = {table.name: table for table in real_tables()}
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--tables", nargs="+", choices=list(tables), default=list(tables))
    parser.add_argument(
        "--peer-origins", type=int, help="from how many of the last origins the peers forecast"
    )
    parser.add_argument(
        "--carryover", type=json.loads, default={}, help="keys of our specifications to change, as JSON"
    )
    parser.add_argument("--store", type=Path, default=STORE, help="folder of finished forecasts")
    options = parser.parse_args(argv)
    before = machine()
    options.store.mkdir(parents=True, exist_ok=True)
    kept = options.store / "real.jsonl"
    records = {}
    if kept.is_file():
        records = {row["key"]: row for row in map(json.loads, kept.read_text().splitlines())}
    wanted: list[dict[str, Any]] = []
    for system in options.systems:
        for name in options.tables:
            table = tables[name]
            if system == "pymc_marketing" and table.mapping.get("geo"):
                continue
            # what the peers are given does not depend on how our priors are stated
            spec = table.spec({} if system in SCRIPTS else options.carryover)
            for held in held_weeks(table, options.peer_origins if system in SCRIPTS else None):
                key = f"{system}/{name}/{held}/{fingerprint(system, table, spec, held)}"
                if key not in records:
                    made = forecast(system, table, spec, held)
                    if made is None:
                        continue
                    scored, figures = made
                    records[key] = {
                        "key": key, "system": system, "table": name, "held": held, **asdict(scored), **figures
                    }  # fmt: skip
                    with kept.open("a") as file:
                        file.write(dumps(rounded(records[key], 6)) + "\n")
                record = records[key]
                print(
                    f"{name:22s} {system:15s} last {held:3d} weeks unseen   CRPS {record['crps']:12,.4g}   "
                    f"error of the median {record['error']:12,.4g}   90 % holds {record['covered']:4.0%}",
                    flush=True,
                )
                wanted.append(record)
    report(before, wanted)


def report(before: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """A table by table and system, then the JSON line. Every system is beside ours from the same origins."""
    found: dict[str, dict[str, Any]] = {}
    rows = []
    for name in dict.fromkeys(record["table"] for record in records):
        of = [record for record in records if record["table"] == name]
        ours = {record["held"]: record for record in of if record["system"] == OURS}
        found[name] = {}
        for system in dict.fromkeys(record["system"] for record in of):
            theirs = [record for record in of if record["system"] == system]
            figures = pooled(theirs)
            if ours and system != OURS:
                same = [ours[record["held"]] for record in theirs if record["held"] in ours]
                figures["ours_over_theirs"] = pooled(same)["crps"] / figures["crps"] if same else float("nan")
            found[name][system] = figures
            rows.append({"table": name, "system": system, **figures})
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda x: f"{x:,.4g}"))
    best = [
        name for name, systems in found.items()
        if OURS in systems and all(f["ours_over_theirs"] < 1 for s, f in systems.items() if s != OURS)
    ]  # fmt: skip
    held = [
        name for name, systems in found.items() if OURS in systems and 0.8 <= systems[OURS]["covered"] <= 0.97
    ]
    finish(
        "real", before,
        **rounded({"tables": len(found), "best_on": best, "intervals_hold_on": held, "figures": found}),
    )  # fmt: skip


if __name__ == "__main__":
    main()
