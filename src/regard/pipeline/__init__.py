"""The stages of the pipeline, a module for each, and what the settings of params.yaml may be."""
