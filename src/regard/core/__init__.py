"""What everything else rests on: project, parameters, files, tables, seeds and statistics."""
