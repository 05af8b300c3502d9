"""Read one table of a data directory with PyIceberg and print what it says, as JSON.

usage: read_table.py DATA_DIR TABLE [SUM_COLUMN [ROW_FILTER]]

Prints: count, sum (of the column, null when not asked), schema ([[id, name, type, required], ...],
nested fields included), files (paths planned for the filter), consumed (positions in the snapshot).
"""

import json
import os
import sys

from pyiceberg.catalog import load_catalog


def main() -> None:
    root, table = os.path.abspath(sys.argv[1]), sys.argv[2]
    column = sys.argv[3] if len(sys.argv) > 3 else None
    row_filter = sys.argv[4] if len(sys.argv) > 4 else None

    catalog = load_catalog(
        "lake",
        type="sql",
        uri=f"sqlite:///{root}/tables/catalog.db",
        warehouse=f"file://{root}/tables",
        init_catalog_tables="false",
    )
    t = catalog.load_table(f"lake.{table}")
    scan = t.scan(row_filter=row_filter) if row_filter else t.scan()
    rows = scan.to_arrow()
    schema = t.schema()
    fields = []
    for field_id in sorted(schema.field_ids):
        f = schema.find_field(field_id)
        fields.append([field_id, schema.find_column_name(field_id), str(f.field_type), f.required])
    total = None
    if column is not None:
        total = sum(v for v in rows.column(column).to_pylist() if v is not None)
    json.dump(
        {
            "tables": [".".join(i) for i in catalog.list_tables("lake")],
            "count": rows.num_rows,
            "sum": total,
            "schema": fields,
            "files": sorted(task.file.file_path for task in scan.plan_files()),
            "consumed": json.loads(t.current_snapshot().summary.get("lake.consumed", "{}")),
            "snapshots": len(t.snapshots()),
        },
        sys.stdout,
        default=str,
    )


if __name__ == "__main__":
    main()
