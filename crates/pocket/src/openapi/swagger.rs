//! `/openapi/v2`, which current clients ask for only where version 3 leaves them without an answer.

use serde_json::{Value, json};

use super::components::schemas;
use super::{Kind, refs};

/// The version 2 document in the encoding that `kubectl` insists on (`application/com.github.proto-openapi.spec.v2@v1.0+protobuf`):
/// the field `swagger` with the value `2.0`, and nothing else. To `kubectl apply` it says that no strategic merge patches are described here,
/// which is true; schemas it takes from version 3.
pub(crate) const SWAGGER_PROTOBUF: &[u8] = b"\x0a\x032.0";

/// The version 2 document as JSON: the schemas of these kinds, without operations.
pub(crate) fn swagger(kinds: &[Kind<'_>]) -> Value {
    let mut definitions = schemas(kinds);
    definitions.values_mut().for_each(refs::without_version_3);
    let mut definitions = Value::Object(definitions);
    refs::for_version_2(&mut definitions);
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {},
        "definitions": definitions,
    })
}
