// Runs the two networks with ONNX Runtime Web, beside the page, which stays responsive.
import * as ort from "./ort.js"

ort.env.wasm.wasmPaths = { wasm: new URL("ort.wasm", import.meta.url).href }
// several threads need a page that its server isolates from other sites
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1

const sessions = {}

async function session(name) {
  sessions[name] ??= ort.InferenceSession.create(`${name}.onnx`, { executionProviders: ["wasm"] })
  return sessions[name].catch((error) => {
    delete sessions[name] // the next try loads it again
    throw error
  })
}

const tensor = ({ pixels, height, width }) => new ort.Tensor("uint8", pixels, [1, height, width, 3])

const WORK = {
  // a picture -> the numbers of its style
  describe: async ({ picture }) => {
    const { code } = await (await session("style")).run({ style: tensor(picture) })
    return code.data
  },
  // a picture and the numbers of a style -> the picture in the style
  show: async ({ picture, numbers }) => {
    const given = new ort.Tensor("float32", Float32Array.from(numbers), [1, numbers.length])
    const stylizer = await session("stylizer")
    const { result } = await stylizer.run({ content: tensor(picture), numbers: given })
    return { pixels: result.data, height: picture.height, width: picture.width }
  },
}

onmessage = async ({ data: { id, work, given } }) => {
  try {
    postMessage({ id, made: await WORK[work](given) })
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error).split("\n")[0].slice(0, 200) })
  }
}
