"""Local images that hold the embedded engines, made of files of this machine: for machines without a registry."""
