"""A channel of the hub: the eagle-eye that monitors how cases are handled (鹰眼监察)."""
