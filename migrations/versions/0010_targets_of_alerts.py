"""works in trouble, and alerts on their way

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_IN_TROUBLE = sa.text("state IN ('attention', 'failed')")


def upgrade() -> None:
    op.create_table(
        "alert_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_deliveries_alert_id_alerts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_deliveries")),
        sa.UniqueConstraint("alert_id", "target", name=op.f("uq_alert_deliveries_alert_id_target")),
    )
    op.create_index("ix_alert_deliveries_target_next_try_at", "alert_deliveries", ["target", "next_try_at"])
    op.create_index(
        "ix_stages_in_trouble",
        "stages",
        ["state", "stage_type", "finished_at"],
        sqlite_where=_IN_TROUBLE,
        postgresql_where=_IN_TROUBLE,
    )


def downgrade() -> None:
    op.drop_index("ix_stages_in_trouble", table_name="stages")
    op.drop_table("alert_deliveries")
    # The release before knows no such alerts, and could not read them.
    op.execute("DELETE FROM alerts WHERE trouble IN ('attention', 'failed')")
