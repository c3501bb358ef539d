"""What the validation dossier is made of: one question per file, put together by `training.validate`."""
