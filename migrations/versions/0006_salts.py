"""salts

Revision ID: 0006
Revises: 0005
"""

import os

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    salts = op.create_table(
        "salts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_salts")),
    )
    op.bulk_insert(salts, [{"name": "vault", "salt": os.urandom(16)}])


def downgrade() -> None:
    op.drop_table("salts")
