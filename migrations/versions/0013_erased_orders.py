"""orders that are erased

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ERASE_DUE = sa.text("erase_due_at IS NOT NULL")
_ENDED = sa.text("erase_requested_at IS NULL AND state IN ('done', 'failed')")


def upgrade() -> None:
    op.add_column("orders", sa.Column("erase_requested_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("erased_by", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("erase_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_orders_erase_due_at", "orders", ["erase_due_at"], sqlite_where=_ERASE_DUE, postgresql_where=_ERASE_DUE
    )
    op.create_index("ix_orders_ended", "orders", ["state", "updated_at"], sqlite_where=_ENDED, postgresql_where=_ENDED)


def downgrade() -> None:
    op.drop_index("ix_orders_ended", table_name="orders")
    op.drop_index("ix_orders_erase_due_at", table_name="orders")
    # Not by a copy of the table, as batches drop columns on SQLite: other tables refer to it.
    for column in ("erase_due_at", "erased_at", "erased_by", "erase_requested_at"):
        op.drop_column("orders", column)
