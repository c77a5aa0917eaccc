"""Programs as NIR files and back."""
