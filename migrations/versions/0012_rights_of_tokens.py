"""what a token may do, and which token has placed an order

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

#: What every token could do so far.
_ALL_SCOPES = "orders:read orders:write admin:read"


def upgrade() -> None:
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scopes", sa.Text(), nullable=False, server_default=_ALL_SCOPES))
        batch_op.add_column(sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("orders_per_day", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("counted_day", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("counted_orders", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("api_token_id", sa.Integer(), nullable=True))
    _give_tokens_their_orders()


def _give_tokens_their_orders() -> None:
    """So far an order has told its token by name. Where an administrator is called the same, it may be his."""
    orders = sa.table("orders", sa.column("placed_by"), sa.column("api_token_id"))
    tokens = sa.table("api_tokens", sa.column("id"), sa.column("name"))
    administrators = sa.table("administrators", sa.column("username"))
    of_order = sa.select(tokens.c.id).where(sa.literal("token:") + tokens.c.name == orders.c.placed_by)
    op.execute(
        orders.update()
        .where(orders.c.placed_by.startswith("token:"))
        .where(orders.c.placed_by.not_in(sa.select(administrators.c.username)))
        .values(api_token_id=of_order.scalar_subquery())
    )


def downgrade() -> None:
    # Not in a batch: SQLite would be given a copy of the table, and may not drop one that others refer to.
    op.drop_column("orders", "api_token_id")
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.drop_column("counted_orders")
        batch_op.drop_column("counted_day")
        batch_op.drop_column("orders_per_day")
        batch_op.drop_column("ends_at")
        batch_op.drop_column("scopes")
