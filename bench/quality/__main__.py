"""Measure whether fusion and routing improve quality: `python -m bench.quality`.

On simulated models whose accuracies, correlations and costs are known, every fusion strategy and every routing
policy that is about quality is compared with the best model alone; those that are about time, in queues.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from bench.quality import latency_settings
from bench.quality.fusion_settings import SETTINGS
from bench.quality.position_bias import positions
from bench.quality.routing_settings import ROUTES

_RUNS = 10


def main(options: Namespace) -> None:
    """Measure, and print."""
    for setting in (*SETTINGS, positions, *ROUTES):
        print(setting(options.n, options.seed).render(), end="\n\n")
    seeds = range(options.seed, options.seed + _RUNS)
    print(
        latency_settings.render("Four models, one of them five times as slow", latency_settings.one_slow(seeds)),
        end="\n\n",
    )
    print(
        latency_settings.render("Four models, one of them down for 20 of 50 seconds", latency_settings.one_down(seeds))
    )


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="questions in each setting")
    parser.add_argument("--seed", type=int, default=1)
    main(parser.parse_args())
