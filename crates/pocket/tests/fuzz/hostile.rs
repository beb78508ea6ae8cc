//! Inputs that are deep, long or wide on purpose: no stack overflows, and the time does not explode.

use std::time::{Duration, Instant};

use howdah_pocket::fuzzing;
use serde_json::{Value, json};

/// Much more than any of these takes, and much less than one that takes the square of its length.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs inputs on a stack as small as those that requests run on.
fn all(target: fuzzing::Target, inputs: Vec<Vec<u8>>) {
    for input in inputs {
        let start: String = String::from_utf8_lossy(&input).chars().take(60).collect();
        let began = Instant::now();
        let run = std::thread::Builder::new().stack_size(2 << 20);
        run.spawn(move || target(&input)).unwrap().join().unwrap();
        assert!(began.elapsed() < PATIENCE, "{start}: {:?}", began.elapsed());
    }
}

/// `depth` times `open`, then `inside`, then `depth` times `close`.
fn nested(open: &str, inside: &str, close: &str, depth: usize) -> String {
    format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
}

fn lines(parts: &[&str]) -> Vec<u8> {
    parts.join("\n").into_bytes()
}

#[test]
fn deep_values() {
    for depth in [90, 95, 120, 127, 130, 100_000] {
        let list = nested("[", "1", "]", depth);
        let object = nested("{\"a\":", "1", "}", depth);
        let schema = nested(
            "{\"type\":\"object\",\"properties\":{\"a\":",
            "{\"type\":\"string\"}",
            "}}",
            depth / 2,
        );
        let alternatives = nested("{\"allOf\":[", "{}", "]}", depth / 2);
        for value in [&list, &object, &schema, &alternatives] {
            let three = lines(&[value, value, value]);
            all(fuzzing::patch, vec![three.clone()]);
            all(fuzzing::apply, vec![three.clone()]);
            all(
                fuzzing::schema,
                vec![three.clone(), lines(&[&schema, value, &object])],
            );
            all(
                fuzzing::body,
                vec![
                    value.clone().into_bytes(),
                    format!("a: {value}").into_bytes(),
                ],
            );
            all(
                fuzzing::json_path,
                vec![lines(&[&".a".repeat(depth), value])],
            );
        }
        let blocks: String = (0..depth.min(2000))
            .map(|at| format!("{}a:\n", " ".repeat(at)))
            .collect();
        all(fuzzing::body, vec![blocks.into_bytes()]);
        let mut message = vec![];
        for _ in 0..depth.min(100) {
            message = [
                &[18, u8::try_from(message.len().min(120)).unwrap()][..],
                &message,
            ]
            .concat();
        }
        all(fuzzing::protobuf, vec![message]);
    }
}

#[test]
fn deep_and_long_rules() {
    let object = r#"{"list":[1,2],"s":"a","names":["a"]}"#;
    for times in [20, 60, 100, 500, 5000] {
        let rules = [
            nested("(", "true", ")", times),
            nested("[", "1", "]", times) + " == []",
            nested("!", "true", "", times),
            nested("-", "1", "", times) + " == 1",
            nested("{'a': ", "1", "}", times) + " == {}",
            nested("self.list.all(x, ", "true", ")", times),
            nested("true ? true : (", "true", ")", times),
            nested("size([", "1", "]) == 1 ? [1] : [", times),
            format!("self{} == 1", ".self".repeat(times)),
            format!("self.list{} == 1", "[0]".repeat(times)),
            format!("self.s{} == ''", ".trim()".repeat(times)),
            format!("true{}", " && true".repeat(times)),
            format!("1{} == 2", " + 1".repeat(times)),
            format!("'{}' == ''", "x".repeat(times * 100)),
            format!("self.s.matches('{}')", nested("(", "a", ")*", times)),
            format!("self.s.matches('a{{1000}}{}')", "{9}".repeat(times)),
        ];
        all(
            fuzzing::cel,
            rules
                .iter()
                .map(|rule| lines(&[rule, object, object]))
                .collect(),
        );
    }
}

#[test]
fn wide_values() {
    const WIDE: usize = 8_000;
    let name = "n".repeat(500_000);
    let items: Vec<Value> = (0..WIDE / 4)
        .map(|at| json!({"name": format!("c{at}"), "kind": "b"}))
        .collect();
    let pod = json!({"spec": {"containers": items, "set": (0..WIDE).map(|at| at.to_string()).collect::<Vec<_>>()}}).to_string();
    let order =
        json!({"spec": {"$setElementOrder/containers": items, "containers": items}}).to_string();
    all(
        fuzzing::patch,
        vec![lines(&[&pod, &order]), lines(&[&pod, &pod])],
    );
    all(fuzzing::apply, vec![lines(&[&pod, &pod, &pod])]);
    let members: String = (0..WIDE).map(|at| format!("\"k{at}\":1,")).collect();
    let wide = format!("{{\"{name}\":{{{}}}}}", members.trim_end_matches(','));
    let twice = wide.replace("\"k1\"", "\"k0\"");
    all(
        fuzzing::body,
        vec![wide.clone().into_bytes(), twice.into_bytes()],
    );
    all(
        fuzzing::apply,
        vec![lines(&["{}", &wide, &wide]), lines(&[&wide, "{}", &wide])],
    );
    let long = format!("{{\"{name}\":{}}}", json!(vec![json!({"x": 1}); WIDE]));
    let map = json!({"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["x"], "items": {
            "type": "object", "required": ["x"], "properties": {"x": {"type": "string"}},
            "anyOf": [{"required": ["y"]}], "x-kubernetes-validations": [{"rule": "self.x == 'a'"}]}}}}});
    let object = format!("{{\"m\":{long}}}");
    all(
        fuzzing::schema,
        vec![
            lines(&[&map.to_string(), &object, &object]),
            lines(&[&map.to_string(), &object, "{}"]),
        ],
    );
    let fields: String = (0..5_000)
        .map(|at| format!("\"f{at}\":{{\"type\":\"string\"}},"))
        .collect();
    let fields = fields.trim_end_matches(',');
    let schema = format!(
        "{{\"type\":\"object\",\"properties\":{{\"{name}\":{{\"type\":\"object\",\"properties\":{{{fields}}}}}}}}}"
    );
    all(fuzzing::schema, vec![lines(&[&schema, "{}", "{}"])]);
    let columns = [
        ".a[*]".repeat(50_000),
        "[?(@.a==1)]".repeat(50_000),
        ".a['".repeat(100_000),
        "[?(@".repeat(100_000),
    ];
    all(
        fuzzing::json_path,
        columns.iter().map(|path| lines(&[path, &pod])).collect(),
    );
    let selectors = [
        "a=b,".repeat(WIDE),
        "a in (".repeat(WIDE),
        "(".repeat(WIDE),
        format!("a in ({})", "b,".repeat(WIDE)),
    ];
    all(
        fuzzing::selector,
        selectors.iter().map(|text| lines(&[text, "{}"])).collect(),
    );
    all(
        fuzzing::protobuf,
        vec![[8, 1].repeat(500_000), [18, 0].repeat(500_000)],
    );
}
