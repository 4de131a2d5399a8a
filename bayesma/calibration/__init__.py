"""Questions asked of the method: do two engines agree?"""
