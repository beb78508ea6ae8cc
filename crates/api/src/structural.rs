//! What turns a generated schema into a structural one with the semantics that users expect.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// Makes a generated schema structural, all the way down.
///
/// `nullable` goes: an API server then takes an explicit null for an absent field, and rules never
/// meet a null. Formats that Kubernetes does not know go too.
pub(crate) fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.title = None;
    schema
        .format
        .take_if(|format| !KNOWN_FORMATS.contains(&format.as_str()));
    if schema.x_kubernetes_int_or_string == Some(true) {
        schema.any_of = None;
        schema.type_ = None;
    }
    each_child(schema, &mut tidy);
}

/// Makes every object below keep fields it does not know.
pub(crate) fn keep_unknown(schema: &mut JSONSchemaProps) {
    if schema.type_.as_deref() == Some("object") && schema.additional_properties.is_none() {
        schema.x_kubernetes_preserve_unknown_fields = Some(true);
    }
    each_child(schema, &mut keep_unknown);
}

const KNOWN_FORMATS: [&str; 6] = ["int32", "int64", "float", "double", "byte", "date-time"];

fn each_child(schema: &mut JSONSchemaProps, visit: &mut dyn FnMut(&mut JSONSchemaProps)) {
    schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut())
        .for_each(&mut *visit);
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => visit(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(&mut *visit),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        visit(values);
    }
}
