"""calls and orders by day

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("stage_type", sa.String(length=32), nullable=False),
        sa.Column("provider_kind", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "stage_type", "provider_kind", "outcome", "seconds", name=op.f("pk_call_days")),
    )
    op.create_table(
        "order_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("placed", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_order_days")),
    )


def downgrade() -> None:
    op.drop_table("order_days")
    op.drop_table("call_days")
