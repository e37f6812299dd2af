"""Numbers of the literature by the place where they stand, so that no table holds a copy of them."""

from cadrage.evaluation.published import published_tables


def quoted(dataset: str, group: str, method: str, key: str) -> float:
    """A value or figure, as a fraction, of a method in one table of ``evaluation/published.json``.

    Raises:
        LookupError: it is not there, or there are two that differ.
    """
    found = {
        {**row.figures, **row.values}[key]
        for table in published_tables()
        if (table.dataset, table.group) == (dataset, group)
        for row in table.rows
        if row.method == method and key in {**row.figures, **row.values}
    }
    if len(found) != 1:
        raise LookupError(f"expected one published {key} of {method!r} on {dataset!r}, {group}, got {sorted(found)}")
    return found.pop()
