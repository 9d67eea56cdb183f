"""Measure searches on a judged collection, and show the figures: `meta-ai eval retrieval`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from app.cli.output import Output
from app.retrieval.evaluation import collection as collections
from app.retrieval.evaluation import measures
from app.retrieval.evaluation.comparison import FittedWeight, Measured, ranking
from app.retrieval.index.ranking import Fusion
from app.retrieval.registry import build_embedder
from app.settings import RetrievalSettings


async def report(folder: Path, split: str, settings: RetrievalSettings, output: Output, *, fit: bool) -> None:
    """Rank the collection in `folder` in every way, and print how well.

    Raises:
        ConfigurationError: the collection is malformed.
        MissingDependency: a package is not installed.
        RetrievalError: the embedder failed.
    """
    measures.require_dependencies()
    collection = collections.read(folder, split)
    configured = Fusion(settings.fusion, settings.vector_weight)
    embedder = build_embedder(settings)
    progress = output.progress()
    task = progress.add_task("embedding", total=len(collection.documents))
    try:
        with progress:
            words, overlap = settings.chunk_tokens, settings.chunk_overlap
            ready = ranking(
                collection, embedder, words=words, overlap=overlap, on_document=lambda: progress.advance(task)
            )
            async with ready as ranker:
                figures = await ranker.compare(_configurations(configured))
                fitted = await ranker.fit(configured) if fit else None
    finally:
        await embedder.close()
    _show(figures, output, f"{len(collection.documents)} documents, {len(collection.queries)} queries")
    if fitted:
        _show_fitted(fitted, output)


def _configurations(configured: Fusion) -> dict[str, Fusion]:
    return {
        "configured": configured,
        "vectors only": Fusion("convex", 1.0),
        "BM25 only": Fusion("convex", 0.0),
        "reciprocal rank": Fusion("reciprocal-rank"),
    }


def _show(figures: dict[str, dict[str, Measured]], output: Output, summary: str) -> None:
    if output.programs:
        for name, measured in figures.items():
            output.emit({"configuration": name, "measures": {one: asdict(found) for one, found in measured.items()}})
        return
    columns = ["ranking", *(column for one in measures.MEASURES for column in (one, "95 %")), "nDCG@10 differs", "p"]
    output.table(columns, [_row(name, measured) for name, measured in figures.items()])
    output.say(f"\n{summary}. Differences are to the first line; below a p of 0.05 they are hardly chance.")


def _row(name: str, measured: dict[str, Measured]) -> list[object]:
    cells: list[object] = [name]
    for found in measured.values():
        cells += [found.interval.mean, f"{found.interval.low:.3f}-{found.interval.high:.3f}"]
    difference, p = measured[measures.NDCG].difference, measured[measures.NDCG].p
    return [*cells, "" if difference is None else f"{difference:+.3f}", "" if p is None else f"{p:.4f}"]


def _show_fitted(fitted: FittedWeight, output: Output) -> None:
    if output.programs:
        output.emit({"fitted": asdict(fitted)})
        return
    expected = fitted.expected
    output.say(f"\nFitted: retrieval.vector_weight: {fitted.vector_weight:g}")
    output.say(
        f"To be expected on other questions: nDCG@10 of {expected.mean:.3f} ({expected.low:.3f}-{expected.high:.3f}; "
        f"p {fitted.p:.4f} against what is configured)"
    )
