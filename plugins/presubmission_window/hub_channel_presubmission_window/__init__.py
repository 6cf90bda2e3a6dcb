"""A channel of the hub: the windows that look through material before it is submitted (材料预审窗口)."""
