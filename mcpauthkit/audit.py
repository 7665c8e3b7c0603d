"""The record of what happened: trails, where they write, and what can be read from them afterwards."""

from mcpauthkit.access.audit.appended_file import End, FileBusy
from mcpauthkit.access.audit.entry import Arguments, hash_arguments
from mcpauthkit.access.audit.lives import Life, Step, lives
from mcpauthkit.access.audit.schema import json_schema
from mcpauthkit.access.audit.sinks import (
    Continued,
    JsonFile,
    JsonLines,
    Sink,
    SinkRefused,
    ToCallable,
    ToLogging,
    ToOpenTelemetry,
)
from mcpauthkit.access.audit.trail import AuditTrail
from mcpauthkit.access.audit.verifying import Break, BreakKind, ChainReport, Place, verify_chain, verify_files
from mcpauthkit.access.noting import ToolResponse, note
from mcpauthkit.core.audit import Actor, Event, EventName, LogRecorder, Recorder, current_recorder, record

__all__ = [
    "Actor",
    "Arguments",
    "AuditTrail",
    "Break",
    "BreakKind",
    "ChainReport",
    "Continued",
    "End",
    "Event",
    "EventName",
    "FileBusy",
    "JsonFile",
    "JsonLines",
    "Life",
    "LogRecorder",
    "Place",
    "Recorder",
    "Sink",
    "SinkRefused",
    "Step",
    "ToCallable",
    "ToLogging",
    "ToOpenTelemetry",
    "ToolResponse",
    "current_recorder",
    "hash_arguments",
    "json_schema",
    "lives",
    "note",
    "record",
    "verify_chain",
    "verify_files",
]
