// Runs networks of TensorFlow.js in Node, as scripts/run_exported.py does others.
//
//     npm install @tensorflow/tfjs
//     node scripts/run_exported.mjs jobs.json
//
// A job has {"file", "inputs", "outputs", "times"}: a folder, and two JSON files. The inputs are
// {name: {"shape", "dtype", "values"}}; so are the outputs, beside {"seconds"} or {"error"}.
import * as fs from "node:fs"
import * as path from "node:path"
import { createRequire } from "node:module"

const require = createRequire(path.join(process.cwd(), "from-here.js"))
const tf = require("@tensorflow/tfjs")

function files(folder) {
  return {
    load: async () => {
      const json = JSON.parse(fs.readFileSync(path.join(folder, "model.json")))
      const parts = json.weightsManifest.flatMap((group) => group.paths)
      const whole = Buffer.concat(parts.map((part) => fs.readFileSync(path.join(folder, part))))
      const weightData = whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length)
      const weightSpecs = json.weightsManifest.flatMap((group) => group.weights)
      return { ...json, weightSpecs, weightData }
    },
  }
}

async function run(job) {
  const network = await tf.loadGraphModel(files(job.file))
  const given = JSON.parse(fs.readFileSync(job.inputs))
  const inputs = {}
  for (const [name, { shape, dtype, values }] of Object.entries(given)) {
    inputs[name] = tf.tensor(values, shape, dtype === "uint8" ? "int32" : dtype)
  }
  const made = await network.executeAsync(inputs)
  const seconds = []
  for (let i = 0; i < job.times; i++) {
    const start = performance.now()
    const again = await network.executeAsync(inputs)
    await again.data()
    seconds.push((performance.now() - start) / 1000)
  }
  const result = { shape: made.shape, values: Array.from(await made.data()) }
  const name = Object.keys(network.modelSignature.outputs)[0]
  return { name, result, seconds: Math.min(...seconds) }
}

for (const job of JSON.parse(fs.readFileSync(process.argv[2]))) {
  const made = await run(job).catch((error) => ({ error: String(error).slice(0, 300) }))
  fs.writeFileSync(job.outputs, JSON.stringify(made))
}
