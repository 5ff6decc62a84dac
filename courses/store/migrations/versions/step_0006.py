"""Join codes, guests, and how somebody came to be enrolled."""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
