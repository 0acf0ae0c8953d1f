// Validate objects of the Gateway API, a JSON array on standard input, against its schemas, and the
// names of all their fields: the schemas let others pass.
'use strict';

const fs = require('node:fs');
const place = '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
const kinds = require(place);

function* names(value) {
  if (Array.isArray(value)) for (const each of value) yield* names(each);
  else if (value instanceof Object) {
    for (const [name, each] of Object.entries(value)) {
      yield name;
      yield* names(each);
    }
  }
}

for (const object of JSON.parse(fs.readFileSync(0, 'utf8'))) {
  new kinds[object.kind](object).validate();
  const schema = fs.readFileSync(require.resolve(`${place}/${object.kind}`), 'utf8');
  const unknown = [...names(object.spec)].filter((name) => !schema.includes(`"${name}": {`));
  if (unknown.length) throw new Error(`${object.kind} has no ${unknown}`);
  console.log(`${object.kind} ${object.metadata.name}`);
}
