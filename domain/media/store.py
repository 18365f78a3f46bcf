"""Where media files are kept: a folder, or a bucket."""

from domain.media.bucket import MediaBucket, open_bucket
from domain.media.folder import MediaFolder
from settings import Settings


def media_store_of(settings: Settings) -> MediaFolder | MediaBucket:
    """The bucket of MEDIA_URL, or else the folder MEDIA_DIR; cheap to ask for again."""
    assert settings.media_dir is not None  # noqa: S101  # Settings fills it in; this tells the type checker
    folder = MediaFolder(settings.media_dir, settings.min_free_disk_mb)
    if not settings.media_url:
        return folder
    return open_bucket(
        settings.media_url,
        folder,
        endpoint=settings.aws_endpoint_url,
        region=settings.aws_region,
        access_key_id=settings.aws_access_key_id,
        secret_access_key=settings.aws_secret_access_key,
    )
