"""Create or revoke an operator key, or create a key of a tenant, on the table itself.

python -m spendgate_service.tenants operator-key --table NAME [--revoke KEY_ID]
python -m spendgate_service.tenants tenant-key --table NAME --tenant ID [--role ROLE]

The first operator key of a stack creates its tenants. A key of a tenant is for one whose admin keys
are lost. The command needs AWS credentials that may read and write the table.
"""

import argparse
import sys
import time
from argparse import Namespace
from collections.abc import Sequence

from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.tenants import ROLES
from spendgate_service.store.client import Table
from spendgate_service.store.clients.boto import create_command_client
from spendgate_service.store.errors import StoreError
from spendgate_service.store.keys import OPERATOR_TENANT
from spendgate_service.store.schema import require_schema
from spendgate_service.store.tenants import read_tenant_of
from spendgate_service.tenants.api_keys import create_key, new_key, revoke_key

_TENANT_ROLES = [role for role in ROLES if role != "operator"]


def create_operator_key(table: Table, now_ms: int) -> str:
    """Create an operator key and return it; it cannot be read again."""
    issued = new_key(OPERATOR_TENANT, "operator", name=None, now_ms=now_ms)
    create_key(table, issued, idempotency=None)
    return issued.bearer


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a new key, or revoke an operator key. Returns the exit status."""
    options = _parser().parse_args(arguments)
    # After the arguments: --help needs none of it.
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        table = Table(create_command_client(), options.table)
        require_schema(table, create=True)
        line = _run(table, options)
    except (BotoCoreError, ClientError, StoreError, SpendgateError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(line + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spendgate_service.tenants", description=(__doc__ or "").partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    operator = commands.add_parser("operator-key", help="create or revoke an operator key")
    operator.add_argument("--revoke", metavar="KEY_ID", help="the key_... part of an operator key")
    tenant = commands.add_parser("tenant-key", help="create a key of a tenant")
    tenant.add_argument("--tenant", required=True, metavar="ID", help="the id of the tenant")
    tenant.add_argument("--role", choices=_TENANT_ROLES, default="admin", help="default: admin")
    for command in (operator, tenant):
        command.add_argument("--table", required=True, help="the stack's output TableName")
    return parser


def _run(table: Table, options: Namespace) -> str:
    """Run the command and return the line that it prints."""
    now_ms = time.time_ns() // 1_000_000
    if options.command == "tenant-key":
        read_tenant_of(table, options.tenant)
        issued = new_key(options.tenant, options.role, name="issued by command", now_ms=now_ms)
        create_key(table, issued, idempotency=None)
        return issued.bearer
    if options.revoke:
        revoked = revoke_key(table, OPERATOR_TENANT, options.revoke, now_ms=now_ms)
        return f"revoked {revoked.key_id}"
    return create_operator_key(table, now_ms)


if __name__ == "__main__":
    sys.exit(main())
