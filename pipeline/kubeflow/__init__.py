"""What Kubeflow Pipelines wants beside the pipeline itself."""
