//! What turns a generated schema into a structural one with the semantics that users expect.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// Makes a generated schema structural, all the way down.
///
/// `nullable` goes: an API server then takes an explicit null for an absent field, and rules never
/// meet a null. Formats that Kubernetes does not know go too, and so do the line breaks of doc
/// comments, since `kubectl explain` breaks lines itself.
pub(crate) fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.title = None;
    schema.description = schema.description.take().map(|text| one_line(&text));
    schema
        .format
        .take_if(|format| !KNOWN_FORMATS.contains(&format.as_str()));
    if schema.x_kubernetes_int_or_string == Some(true) {
        schema.any_of = None;
        schema.type_ = None;
    }
    each_child(schema, &mut tidy);
}

/// Makes a status tolerant: every object keeps fields it does not know, and nothing is filled in.
pub(crate) fn relax_status(schema: &mut JSONSchemaProps) {
    if schema.type_.as_deref() == Some("object") && schema.additional_properties.is_none() {
        schema.x_kubernetes_preserve_unknown_fields = Some(true);
    }
    schema.default = None;
    each_child(schema, &mut relax_status);
}

/// Joins the lines of each paragraph.
fn one_line(text: &str) -> String {
    let paragraphs: Vec<_> = text
        .split("\n\n")
        .map(|part| part.replace('\n', " "))
        .collect();
    paragraphs.join("\n\n")
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
