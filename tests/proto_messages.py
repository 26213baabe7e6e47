"""Posts as Protobuf has them."""

from functools import cache

from tests.json_messages import messages
from weir.transforms.decode import DecodeSettings, decoder
from weir.transforms.decode.protobuf.compile import file_set, message_class
from weir.transforms.decode.schema_source import SchemaSettings

POST = """
syntax = "proto3";
package forum;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Author { int64 id = 1; string name = 2; }
message Post {
  enum Form { PLAIN = 0; RICH = 1; }
  message Part { string text = 1; Form form = 2; }
  string id = 1;
  string text = 2;
  google.protobuf.Timestamp created_at = 3;
  optional string lang = 4;
  Author author = 5;
  repeated Part parts = 6;
  map<string, string> labels = 7;
  google.protobuf.StringValue title = 8;
  oneof body { string plain = 9; bytes raw = 10; }
  Post parent = 11;
  repeated bool bits = 12;
}
message Like { string post = 20; }
"""


@cache
def made(name="forum.Post", schema=POST):
    return message_class(file_set(schema), name)


def written(**fields) -> bytes:
    message = made()(**fields)
    return message.SerializeToString()


def bare(schema=POST, name="forum.Post", **settings) -> DecodeSettings:
    """Settings of messages that are all of one type, whose schema a file holds."""
    return DecodeSettings("protobuf", schema=SchemaSettings(file=schema, message=name), **settings)


def read_bare(*values, schema=POST, name="forum.Post", **settings):
    return decoder(bare(schema, name, **settings))(messages(*values))
