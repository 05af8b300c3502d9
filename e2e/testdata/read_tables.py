"""Read all tables of a data directory with PyIceberg and print their rows and one sum, as JSON.

usage: read_tables.py DATA_DIR TABLE COLUMN

Prints: rows (by event_type, over all tables), sum (of the column of the table).
"""

import collections
import json
import os
import sys

from pyiceberg.catalog import load_catalog


def main() -> None:
    root, table, column = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    catalog = load_catalog(
        "lake",
        type="sql",
        uri=f"sqlite:///{root}/tables/catalog.db",
        warehouse=f"file://{root}/tables",
        init_catalog_tables="false",
    )
    rows, total = collections.Counter(), 0
    for name in catalog.list_tables("lake"):
        of_interest = name[-1] == table
        fields = ("event_type", column) if of_interest else ("event_type",)
        data = catalog.load_table(name).scan(selected_fields=fields).to_arrow()
        rows.update(data.column("event_type").to_pylist())
        if of_interest:
            total = sum(v for v in data.column(column).to_pylist() if v is not None)
    json.dump({"rows": rows, "sum": total}, sys.stdout)


if __name__ == "__main__":
    main()
