"""quotas

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("provider_kind", sa.String(length=32), nullable=False),
        sa.Column("calls", sa.JSON(), nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("provider_kind", name=op.f("pk_quotas")),
    )


def downgrade() -> None:
    op.drop_table("quotas")
