"""Text encoders behind TF-Hub's text interface, and the offline one."""
