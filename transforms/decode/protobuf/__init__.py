"""Protobuf: .proto files compiled apart, and messages read by the library's own parser."""
