"""
An event loop in virtual time: its clock jumps to the next timer as soon as no thread is at work.

The page README.md beside this file explains the model.
"""

from .loop import Spinning, VirtualTimeLoop
from .threads import any_thread_at_work, install

__all__ = ["Spinning", "VirtualTimeLoop", "any_thread_at_work", "install"]
