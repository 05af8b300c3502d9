"""Read one table of a Glue database with PyIceberg and print what it says, as JSON.

usage: read_table.py GLUE S3 DATABASE TABLE

GLUE and S3 are the URLs of what stands for them. Prints: tables, rows ([[event_id, amount], ...] by event_id), consumed
(positions in the snapshot), properties.
"""

import json
import sys
import uuid

from pyiceberg.catalog import load_catalog


def main() -> None:
    glue, s3, database, table = sys.argv[1:5]
    catalog = load_catalog(
        "lake",
        **{
            "type": "glue",
            "glue.endpoint": glue,
            "glue.region": "us-east-1",
            "glue.access-key-id": "test",
            "glue.secret-access-key": "test",
            "s3.endpoint": s3,
            "s3.region": "us-east-1",
            "s3.access-key-id": "test",
            "s3.secret-access-key": "test",
        },
    )
    t = catalog.load_table(f"{database}.{table}")
    rows = t.scan().to_arrow()
    ids = [v if isinstance(v, uuid.UUID) else uuid.UUID(bytes=v) for v in rows.column("event_id").to_pylist()]
    json.dump(
        {
            "tables": sorted(".".join(i) for i in catalog.list_tables(database)),
            "rows": sorted([str(i), a] for i, a in zip(ids, rows.column("amount").to_pylist())),
            "consumed": json.loads(t.current_snapshot().summary.get("lake.consumed", "{}")),
            "properties": t.properties,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
