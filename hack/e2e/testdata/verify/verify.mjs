// Verifies requests as a receiver does, with the public library of Standard
// Webhooks. Each line of the input is {"key", "headers", "body": base64}; each
// line of the output is what it made of one: true, or why not.
import { createPublicKey, verify } from "node:crypto";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { key, headers, body } = JSON.parse(line);
  const text = Buffer.from(body, "base64");
  let verdict = true;
  try {
    if (key.startsWith("whpk_")) verifyAsymmetric(key, headers, text);
    else new Webhook(key).verify(text, headers);
  } catch (e) {
    verdict = `${e.name}: ${e.message}`;
  }
  console.log(JSON.stringify(verdict));
}

// The library knows v1 only, and so does every other public one: v1a is verified
// by node's own ed25519, as the specification's section on signatures has it.
function verifyAsymmetric(key, headers, body) {
  const x = Buffer.from(key.slice("whpk_".length), "base64").toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`), body]);
  const good = headers["webhook-signature"].split(" ").some((signature) => {
    const [version, text] = signature.split(",");
    return version === "v1a" && verify(null, signed, publicKey, Buffer.from(text, "base64"));
  });
  if (!good) throw new Error("no matching signature");
}
