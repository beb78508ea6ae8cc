//! Custom resources: definitions, defaults, pruning, validation, rules, subresources, columns.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{PatchType, Rest, eventually, on_any_cluster};
use serde_json::{Value, json};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const GADGETS: &str = "/apis/{ns}.behaviour.howdah.io/v1/namespaces/{ns}/gadgets";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

#[tokio::test]
async fn custom_resources_follow_their_definition() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        let result = Box::pin(definition_and_objects(&rest)).await;
        // Definitions belong to no namespace, so the end of the namespace does not remove them.
        let path = definition_path(&rest);
        rest.delete(&path, &json!(null)).await?;
        result?;
        eventually("the definition to go", async || {
            rest.get(&path).await?.is(404).map(drop)
        })
        .await?;
        rest.get(GADGETS).await?.is(404)?;
        Ok(())
    })
    .await
}

async fn definition_and_objects(rest: &Rest) -> Result<()> {
    bad_definitions(rest).await?;
    rest.post(DEFINITIONS, &definition(rest)).await?.is(201)?;
    established(rest).await?;
    discovery(rest).await?;
    defaults(rest).await?;
    validation(rest).await?;
    rules(rest).await?;
    subresources(rest).await?;
    columns(rest).await?;
    ratcheting(rest).await
}

fn group(rest: &Rest) -> String {
    format!("{}.behaviour.howdah.io", rest.namespace())
}

fn definition_path(rest: &Rest) -> String {
    format!("{DEFINITIONS}/gadgets.{}", group(rest))
}

fn definition(rest: &Rest) -> Value {
    let spec = json!({
        "type": "object",
        "required": ["size"],
        "x-kubernetes-validations": [
            {"rule": "self.low <= self.high", "message": "low is above high", "fieldPath": ".low"},
            {"rule": "!has(oldSelf.fixed) || has(self.fixed)", "message": "fixed stays"},
        ],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 9},
            "low": {"type": "integer", "default": 0},
            "high": {"type": "integer", "default": 5},
            "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "word": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "when": {"type": "string", "format": "date-time"},
            "fixed": {"type": "string", "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "messageExpression": "'cannot become ' + self"}]},
            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "port": {"x-kubernetes-int-or-string": true},
            "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "maxItems": 3, "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "weight": {"type": "integer", "default": 1}}}},
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "maybe": {"type": "string", "nullable": true},
        },
    });
    let status = json!({"type": "object", "properties": {
        "replicas": {"type": "integer"}, "phase": {"type": "string"}}});
    let mut schema = json!({"type": "object", "required": ["spec"], "properties": {"spec": spec, "status": status}});
    schema["properties"]["spec"]["properties"]["replicas"] = json!({"type": "integer"});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("gadgets.{}", group(rest))},
        "spec": {
            "group": group(rest),
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "shortNames": ["gd"],
                "categories": ["everything"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                    "statusReplicasPath": ".status.replicas"}},
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
                ],
            }],
        },
    })
}

fn gadget(rest: &Rest, name: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("{}/v1", group(rest)), "kind": "Gadget", "metadata": {"name": name},
        "spec": spec})
}

/// The object's path.
fn path(name: &str) -> String {
    format!("{GADGETS}/{name}")
}

async fn bad_definitions(rest: &Rest) -> Result<()> {
    let mut unstructured = definition(rest);
    unstructured["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"properties": {"spec": {}}});
    let mut wrong_name = definition(rest);
    wrong_name["metadata"]["name"] = json!("other.example.org");
    let mut no_storage = definition(rest);
    no_storage["spec"]["versions"][0]["storage"] = json!(false);
    let mut bad_rule = definition(rest);
    let spec =
        &mut bad_rule["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["x-kubernetes-validations"][0]["rule"] = json!("self.lou <= 1");
    let mut bad_default = definition(rest);
    let spec =
        &mut bad_default["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["properties"]["low"]["default"] = json!("text");
    for bad in [unstructured, wrong_name, no_storage, bad_rule, bad_default] {
        let answer = rest
            .post(&format!("{DEFINITIONS}?dryRun=All"), &bad)
            .await?;
        answer.is(422)?.has(&json!({"reason": "Invalid"}))?;
    }
    Ok(())
}

async fn established(rest: &Rest) -> Result<()> {
    let path = definition_path(rest);
    eventually("the definition to be established", async || {
        let definition = rest.get(&path).await?.is(200)?;
        let conditions = definition.body["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten();
        let mut met: Vec<_> = conditions
            .filter(|it| it["status"] == "True")
            .filter_map(|it| it["type"].as_str())
            .collect();
        met.sort_unstable();
        ensure!(met == ["Established", "NamesAccepted"], "{met:?}");
        definition
            .has(
                &json!({"status": {"storedVersions": ["v1"], "acceptedNames": {"kind": "Gadget",
            "listKind": "GadgetList"}}}),
            )
            .map(drop)
    })
    .await?;
    eventually("the resource to be served", async || {
        rest.get(GADGETS).await?.is(200).map(drop)
    })
    .await
}

async fn discovery(rest: &Rest) -> Result<()> {
    let group = group(rest);
    eventually("the resource to be discovered", async || {
        rest.get(&format!("/apis/{group}/v1")).await?.is(200)?.has(&json!({"kind": "APIResourceList",
            "groupVersion": format!("{group}/v1"), "resources": [
                {"name": "gadgets", "singularName": "gadget", "namespaced": true, "kind": "Gadget",
                    "shortNames": ["gd"], "categories": ["everything"],
                    "verbs": ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]},
                {"name": "gadgets/status", "kind": "Gadget", "verbs": ["get", "patch", "update"]},
                {"name": "gadgets/scale", "kind": "Scale", "group": "autoscaling", "version": "v1",
                    "verbs": ["get", "patch", "update"]}]})).map(drop)
    })
    .await?;
    rest.get(&format!("/apis/{group}"))
        .await?
        .is(200)?
        .has(&json!({"kind": "APIGroup", "name": group,
        "preferredVersion": {"version": "v1"}}))?;
    Ok(())
}

async fn defaults(rest: &Rest) -> Result<()> {
    let object = gadget(
        rest,
        "d",
        json!({"size": 2, "unknown": {"x": 1}, "any": {"x": {"y": 1}}, "maybe": null,
        "port": "http", "parts": [{"name": "a"}]}),
    );
    let made = rest.post(GADGETS, &object).await?.is(201)?;
    ensure!(
        made.warnings == ["299 - \"unknown field \\\"spec.unknown\\\"\""],
        "{:?}",
        made.warnings
    );
    let made = made.has(&json!({"apiVersion": format!("{}/v1", group(rest)), "kind": "Gadget",
        "metadata": {"generation": 1},
        "spec": {"size": 2, "low": 0, "high": 5, "colour": "red", "unknown": null, "any": {"x": {"y": 1}},
            "port": "http", "parts": [{"name": "a", "weight": 1}]}}))?;
    ensure!(
        made.body["spec"]
            .as_object()
            .is_some_and(|spec| spec.contains_key("maybe")),
        "null stays: {made:?}"
    );
    let nothing = json!({"spec": {"colour": null}});
    let restored = rest
        .patch(&path("d"), PatchType::Merge, &nothing)
        .await?
        .is(200)?;
    restored.has(&json!({"spec": {"colour": "red"}}))?;
    let strict = format!("{GADGETS}?fieldValidation=Strict");
    rest.post(&strict, &gadget(rest, "e", json!({"size": 2, "unknown": 1}))).await?.refuses(
        400,
        "BadRequest",
        "Gadget in version \"v1\" cannot be handled as a Gadget: strict decoding error: unknown field \"spec.unknown\"",
    )?;
    Ok(())
}

/// A wrong spec, and the field, message and reason of the one cause that is told of it.
type Wrong = (Value, &'static str, &'static str, &'static str);

/// Rules are not looked at when one of these is there.
fn wrong_shapes() -> Vec<Wrong> {
    vec![
        (
            json!({"size": "big"}),
            "spec.size",
            "Invalid value: \"string\": spec.size in body must be of type integer: \"string\"",
            "FieldValueTypeInvalid",
        ),
        (
            json!({}),
            "spec.size",
            "Required value",
            "FieldValueRequired",
        ),
        (
            json!({"size": 1, "colour": "green"}),
            "spec.colour",
            "Unsupported value: \"green\": supported values: \"red\", \"blue\"",
            "FieldValueNotSupported",
        ),
        (
            json!({"size": 1, "word": "toolong"}),
            "spec.word",
            "Too long: may not be more than 5 bytes",
            "FieldValueTooLong",
        ),
        (
            json!({"size": 1, "when": "noon"}),
            "spec.when",
            "Invalid value: \"noon\": spec.when in body must be of type date-time: \"noon\"",
            "FieldValueTypeInvalid",
        ),
        (
            json!({"size": 1, "port": true}),
            "spec.port",
            "Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\"",
            "FieldValueTypeInvalid",
        ),
    ]
}

fn wrong_values() -> Vec<Wrong> {
    vec![
        (
            json!({"size": 10}),
            "spec.size",
            "Invalid value: 10: spec.size in body should be less than or equal to 9",
            "FieldValueInvalid",
        ),
        (
            json!({"size": 0}),
            "spec.size",
            "Invalid value: 0: spec.size in body should be greater than or equal to 1",
            "FieldValueInvalid",
        ),
        (
            json!({"size": 1, "word": "UP"}),
            "spec.word",
            "Invalid value: \"UP\": spec.word in body should match '^[a-z]+$'",
            "FieldValueInvalid",
        ),
        (
            json!({"size": 1, "tags": ["x", "x"]}),
            "spec.tags[1]",
            "Duplicate value: \"x\"",
            "FieldValueDuplicate",
        ),
        (
            json!({"size": 1, "parts": [{"name": "x"}, {"name": "x"}]}),
            "spec.parts[1]",
            "Duplicate value: {\"name\":\"x\"}",
            "FieldValueDuplicate",
        ),
    ]
}

async fn validation(rest: &Rest) -> Result<()> {
    let skipped = json!({"field": "<nil>", "reason": "FieldValueInvalid", "message": "Invalid value: null: some \
        validation rules were not checked because the object was invalid; correct the existing errors to complete \
        validation"});
    let shapes = wrong_shapes().into_iter().map(|wrong| (wrong, true));
    let values = wrong_values().into_iter().map(|wrong| (wrong, false));
    for ((spec, field, message, reason), rules_skipped) in shapes.chain(values) {
        let mut causes = vec![json!({"field": field, "message": message, "reason": reason})];
        if rules_skipped {
            causes.push(skipped.clone());
        }
        let answer = rest.post(GADGETS, &gadget(rest, "v", spec.clone())).await?;
        answer
            .is(422)?
            .has(&json!({"reason": "Invalid", "details": {"causes": causes}}))
            .with_context(|| spec.to_string())?;
    }
    Ok(())
}

async fn rules(rest: &Rest) -> Result<()> {
    let invalid =
        |rest: &Rest, text: &str| format!("Gadget.{} \"r\" is invalid: {text}", group(rest));
    rest.post(GADGETS, &gadget(rest, "r", json!({"size": 1, "low": 7})))
        .await?
        .refuses(
            422,
            "Invalid",
            &invalid(rest, "spec.low: Invalid value: low is above high"),
        )?;
    let made = gadget(rest, "r", json!({"size": 1, "fixed": "one"}));
    rest.post(GADGETS, &made).await?.is(201)?;
    let path = path("r");
    let changed = json!({"spec": {"fixed": "two"}});
    rest.patch(&path, PatchType::Merge, &changed)
        .await?
        .refuses(
            422,
            "Invalid",
            &invalid(
                rest,
                "spec.fixed: Invalid value: \"two\": cannot become two",
            ),
        )?;
    let removed = json!({"spec": {"fixed": null}});
    rest.patch(&path, PatchType::Merge, &removed)
        .await?
        .refuses(
            422,
            "Invalid",
            &invalid(rest, "spec: Invalid value: fixed stays"),
        )?;
    let applied = json!({"apiVersion": format!("{}/v1", group(rest)), "kind": "Gadget", "metadata": {"name": "r"},
        "spec": {"size": 1, "parts": [{"name": "mine", "weight": 5}]}});
    let apply = format!("{path}?fieldManager=part");
    rest.patch(&apply, PatchType::Apply, &applied)
        .await?
        .is(200)?;
    let mut other = applied.clone();
    other["spec"] = json!({"parts": [{"name": "yours"}]});
    let apply = format!("{path}?fieldManager=other");
    rest.patch(&apply, PatchType::Apply, &other)
        .await?
        .is(200)?
        .has(&json!({"spec": {"fixed": "one",
        "parts": [{"name": "mine", "weight": 5}, {"name": "yours", "weight": 1}]}}))?;
    rest.patch(&path, PatchType::Strategic, &json!({"spec": {"size": 2}}))
        .await?
        .is(415)?;
    Ok(())
}

async fn subresources(rest: &Rest) -> Result<()> {
    let mut object = gadget(rest, "s", json!({"size": 1, "replicas": 2}));
    object["status"] = json!({"phase": "ignored"});
    let made = rest.post(GADGETS, &object).await?.is(201)?;
    let made = made.has(&json!({"status": null, "metadata": {"generation": 1}}))?;
    let status = format!("{}/status", path("s"));
    let mut reported = made.body;
    reported["status"] = json!({"phase": "Running", "replicas": 2});
    reported["spec"]["size"] = json!(9);
    rest.put(&status, &reported)
        .await?
        .is(200)?
        .has(&json!({"status": {"phase": "Running"},
        "spec": {"size": 1}, "metadata": {"generation": 1}}))?;
    let both = json!({"spec": {"size": 3}, "status": {"phase": "ignored"}});
    rest.patch(&path("s"), PatchType::Merge, &both)
        .await?
        .is(200)?
        .has(&json!({"spec": {"size": 3},
        "status": {"phase": "Running"}, "metadata": {"generation": 2}}))?;
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    let labelled = rest
        .patch(&path("s"), PatchType::Merge, &labels)
        .await?
        .is(200)?;
    labelled.has(&json!({"metadata": {"generation": 2}}))?;
    let scale = format!("{}/scale", path("s"));
    rest.get(&scale)
        .await?
        .is(200)?
        .has(&json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": "s"}, "spec": {"replicas": 2}, "status": {"replicas": 2}}))?;
    let patch = json!({"spec": {"replicas": 4}});
    rest.patch(&scale, PatchType::Merge, &patch)
        .await?
        .is(200)?
        .has(&json!({"spec": {"replicas": 4}}))?;
    let scaled = rest.get(&path("s")).await?.is(200)?;
    scaled.has(&json!({"spec": {"replicas": 4}, "metadata": {"generation": 3}}))?;
    let patch = json!({"spec": {"replicas": -1}});
    rest.patch(&scale, PatchType::Merge, &patch)
        .await?
        .is(422)?;
    Ok(())
}

async fn columns(rest: &Rest) -> Result<()> {
    let table = rest.get_as(&path("s"), TABLE).await?.is(200)?;
    let table = table.has(&json!({"kind": "Table", "columnDefinitions": [
        {"name": "Name", "type": "string", "format": "name", "priority": 0},
        {"name": "Size", "type": "integer", "priority": 0},
        {"name": "Colour", "type": "string", "priority": 1}]}))?;
    let cells = &table.body["rows"][0]["cells"];
    ensure!(cells == &json!(["s", 3, "red"]), "{cells}");
    Ok(())
}

/// What was right when it was written may stay when the rules become stricter.
async fn ratcheting(rest: &Rest) -> Result<()> {
    rest.post(
        GADGETS,
        &gadget(rest, "old", json!({"size": 8, "word": "abc"})),
    )
    .await?
    .is(201)?;
    let stricter = json!([{"op": "replace", "value": 4,
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size/maximum"}]);
    rest.patch(&definition_path(rest), PatchType::Json, &stricter)
        .await?
        .is(200)?;
    eventually("the stricter rule", async || {
        let new = rest
            .post(
                &format!("{GADGETS}?dryRun=All"),
                &gadget(rest, "new", json!({"size": 8})),
            )
            .await?;
        new.is(422).map(drop)
    })
    .await?;
    let unrelated = json!({"spec": {"word": "def"}});
    rest.patch(&path("old"), PatchType::Merge, &unrelated)
        .await?
        .is(200)?;
    let worse = json!({"spec": {"size": 7}});
    rest.patch(&path("old"), PatchType::Merge, &worse)
        .await?
        .is(422)?;
    let better = json!({"spec": {"size": 3}});
    rest.patch(&path("old"), PatchType::Merge, &better)
        .await?
        .is(200)?;
    Ok(())
}
