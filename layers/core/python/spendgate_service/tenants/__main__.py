"""Create or revoke an operator key: the first key of a stack, with which tenants are created.

python -m spendgate_service.tenants --table NAME [--revoke KEY_ID]

It needs AWS credentials that may write the table.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import cast

from spendgate_service.domain.errors import SpendgateError
from spendgate_service.store.client import CLIENT_CONFIG, DynamoClient, Table
from spendgate_service.store.errors import StoreError
from spendgate_service.store.keys import OPERATOR_TENANT
from spendgate_service.tenants.api_keys import create_key, new_key, revoke_key


def create_operator_key(table: Table, now_ms: int) -> str:
    """Create an operator key and return it; it cannot be read again."""
    issued = new_key(OPERATOR_TENANT, "operator", name=None, now_ms=now_ms)
    create_key(table, issued, idempotency=None)
    return issued.bearer


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a new operator key for a table, or revoke one. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m spendgate_service.tenants", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--table", required=True, help="the stack's output TableName")
    parser.add_argument("--revoke", metavar="KEY_ID", help="the key_... part of an operator key")
    options = parser.parse_args(arguments)
    import boto3  # noqa: PLC0415 (after the arguments: --help needs none of it)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        client = boto3.client("dynamodb", config=CLIENT_CONFIG)
        table = Table(cast("DynamoClient", client), options.table)
        if options.revoke:
            line = f"revoked {revoke_key(table, OPERATOR_TENANT, options.revoke).key_id}"
        else:
            line = create_operator_key(table, time.time_ns() // 1_000_000)
    except (BotoCoreError, ClientError, StoreError, SpendgateError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
