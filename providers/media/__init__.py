"""What files are: types by their first bytes, frames of MP3."""
